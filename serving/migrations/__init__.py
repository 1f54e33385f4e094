"""The steps that bring a database to the present tables. Run by `serving.schema`."""
