"""The resources of the management API, a file for each subject."""
