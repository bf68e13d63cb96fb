"""Reports of results: a student's page, the class page, the report in an nbgrader cell, CSV, and the result format.

`schema.py` and `result.schema.json` say what a result is; `html.py` makes the pages from what `views.py` and
`class_views.py` prepare; `language.py` translates; `text.py` cleans what students wrote; `pictures.py` draws;
`marks.py` writes tables for spreadsheets.
"""
