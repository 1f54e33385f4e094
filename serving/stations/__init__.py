"""Stations: where parts are looked at, and the rules that hold there."""
