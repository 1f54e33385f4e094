"""Who did what, when and from where: a log that shows when somebody has changed it."""
