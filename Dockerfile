# For the Astro CLI and Astro deployments; `make demo` needs no container, and this image is not built by our tests.
# The image brings Airflow and reads requirements.txt, packages.txt, dags/, plugins/ and include/ by itself.
# Choose the newest build of 3.3: its Airflow has to be the version that requirements.txt pins.
FROM astrocrpublic.azurecr.io/runtime:3.3-7

# Airflow's page that asks for an approval, on a phone; the same as include/config/airflow_theme.json.
ENV AIRFLOW__API__THEME='{"globalCss":{"body:has([data-testid^=hitl-option-]) #details-panel":{"@media (max-width: 640px)":{"position":"fixed","inset":"0","zIndex":"1","overflow":"hidden auto !important","background":"var(--chakra-colors-bg)"}},"body:has([data-testid^=hitl-option-]) [data-testid=nav-sidebar]":{"@media (max-width: 640px)":{"display":"none !important"}},"#details-panel footer > div:has([data-testid^=hitl-option-])":{"@media (max-width: 640px)":{"flexWrap":"wrap"}}}}'

# The engine is imported as `include.groupsync` from the project's root.
ENV PYTHONPATH=/usr/local/airflow
