"""The `ussop` command."""
