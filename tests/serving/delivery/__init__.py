"""Tests of telling others of alerts."""
