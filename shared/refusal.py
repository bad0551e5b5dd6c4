"""A problem as an HTTP answer."""

from fastapi.responses import JSONResponse

from shared.problem import MEDIA_TYPE, Problem
from shared.telemetry import current_trace_id


def problem_response(problem: Problem) -> JSONResponse:
    return JSONResponse(
        problem.as_json(current_trace_id()),
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type=MEDIA_TYPE,
    )
