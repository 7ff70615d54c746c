"""The commands of `edge-router export`: a file each, one for a recipe, one for all studies."""
