"""Tests of the steps of the long jobs."""
