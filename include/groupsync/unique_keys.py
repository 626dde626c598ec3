"""YAML in which nothing is said twice."""

from typing import Any

import yaml


class UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: the second would silently win."""


def _unique_mapping(loader: UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    names = [loader.construct_object(key) for key, _ in node.value]
    for name in names:
        if names.count(name) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"the key {name!r} stands twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
