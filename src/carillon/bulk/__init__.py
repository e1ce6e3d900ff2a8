"""Millions of calls priced in columns, to the micro-unit as the rating of live calls prices them one by one."""
