"""Pages that need no script: the organisation page and the whole change of plan with links and forms."""
