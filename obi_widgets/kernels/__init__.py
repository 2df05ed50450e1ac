"""The loader of compiled kernels, and the thread pool they run in."""
