"""One evaluation, two printers: Markdown and a page of HTML."""
