"""`python -m ifgan.reference`: the page of every option, as the schema and conf/ have it."""
