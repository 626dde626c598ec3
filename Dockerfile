# For the Astro CLI and Astro deployments; `make demo` needs no container, and this image is not built by our tests.
# The image brings Airflow and reads requirements.txt, packages.txt, dags/, plugins/ and include/ by itself.
# Choose the newest build of 3.3: its Airflow has to be the version that requirements.txt pins.
FROM astrocrpublic.azurecr.io/runtime:3.3-7

# The engine is imported as `include.groupsync` from the project's root.
ENV PYTHONPATH=/usr/local/airflow
