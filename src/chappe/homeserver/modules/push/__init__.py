"""Push rules of users, and their unread counts (client-server API, "Push Notifications")."""
