"""Find inputs on which a trained network works by an abnormal mechanism."""
