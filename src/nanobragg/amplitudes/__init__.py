"""Structure factors: from files, atoms or statistics to the table that the kernel looks up."""
