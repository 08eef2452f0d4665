raise ImportError("a file of the submission was imported in place of a library")
