"""Other routers, each in a fresh process of a fresh environment, beside ours."""
