"""Compiled and exactly rounded forms of what other modules define: speed only, never a second meaning."""
