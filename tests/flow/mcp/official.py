"""The official client of the Model Context Protocol against `scrum mcp`: prints what it was told, as JSON."""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters, stdio_client


async def main(command, *args):
    told = {}
    for name, more in (("reads", []), ("writes", ["--write"])):
        server = StdioServerParameters(command=command, args=[*args, *more], env=None)
        async with Client(stdio_client(server)) as client:
            listed = await client.list_tools()
            told[name] = {"tools": [tool.name for tool in listed.tools]}

            async def call(tool, **arguments):
                answer = await client.call_tool(tool, arguments)
                text = answer.content[0].text
                told[name].setdefault(tool, []).append(
                    {"error": text} if answer.is_error else answer.structured_content
                )
                return answer.structured_content

            found = await call("findings", path="src/a")
            await call("fingerprints", path="src/a/x.rs")
            await call("review", path="src/a/x.rs")
            await call("dismiss_finding", id=found["findings"][0]["id"], why="callers check it")
            await call("findings", path="src/a")
    print(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))
