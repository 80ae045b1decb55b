"""`dutchbook doctor`: could the engine start here, now?"""
