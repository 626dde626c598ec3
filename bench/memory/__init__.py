"""Memory of the executor for plans of different sizes."""
