"""What goes round facts and memory: an app for each capability; none knows another."""
