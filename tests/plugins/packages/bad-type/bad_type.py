DOMAIN = {"name": "bad-type"}
