"""Mail that the service writes: composed in the reader's language and the domain's brand, queued durably."""
