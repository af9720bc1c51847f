"""Which reflections an image shows, without rendering it; and the truth about a rendered one."""
