"""Inspections as files for other programs and for people: CSV, XLSX, Parquet, and a PDF report per part."""
