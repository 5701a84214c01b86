"""The commands of the shell program, one file each."""
