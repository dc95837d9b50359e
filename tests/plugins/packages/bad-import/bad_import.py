import no_such_module

DOMAIN = no_such_module.DOMAIN
