"""`port`: a module for each subcommand, which `subcommands` lists, and what they have in common."""
