"""The widgets in a real JupyterLab, in a real browser."""
