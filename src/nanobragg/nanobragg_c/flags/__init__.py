"""The C program's command line: read into a Config, and written from one."""
