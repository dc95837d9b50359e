"""Live control: a bridge to a robot, and a page that shows and changes what a controller does."""
