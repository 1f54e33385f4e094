"""The API and the only owner of the database: live inspection, users, stations, events."""
