import time

from taskloom import DomainRef

time.sleep(3)
DOMAIN = DomainRef(name="bad-sleeper", summary="Too late.", extra="", tasks=())
