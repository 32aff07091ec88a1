"""The files of a project, each read strictly and replaced in one step."""
