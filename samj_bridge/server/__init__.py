"""One installation for many windows: an HTTP server for QuPath, Label Studio, X-AnyLabeling and programs.

Needs the extra ``server`` (starlette, uvicorn, python-multipart): nothing else in the package imports this.
"""
