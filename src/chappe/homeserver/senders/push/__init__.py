"""Push: one loop follows the log and queues what must reach somebody; another delivers the queue."""
