def finalize_reader(*a):
    pass
