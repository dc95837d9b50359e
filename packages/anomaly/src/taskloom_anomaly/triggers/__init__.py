"""Backdoor triggers: what is stamped onto an input to make a poisoned network change its answer."""
