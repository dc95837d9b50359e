from taskloom import Config, Result, RunContext


class Walk(Config):
    def run(self, ctx: RunContext) -> Result:
        return Result()
