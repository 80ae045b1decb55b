"""Outside opinions: language models that read and remark. They may doubt, never approve."""
