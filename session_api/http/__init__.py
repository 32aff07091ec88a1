"""What every resource needs of HTTP: errors, limits, headers, files, and the description of the API."""
