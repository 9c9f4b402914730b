"""Commands of the workbench, which may cross the torch line or need an extra; all of them inside their functions."""
