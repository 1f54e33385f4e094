"""The description of the API: what FastAPI cannot know of it by itself, added in one place."""
