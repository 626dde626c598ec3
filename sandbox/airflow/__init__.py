"""A local Airflow on the loopback: its environment, its processes, its settings file, its REST API."""
