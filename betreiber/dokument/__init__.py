"""Dokumente: files of a meter, such as its warranty."""
