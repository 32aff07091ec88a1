-- Long work beside requests, in pieces: a worker does one thing at a time, and while it goes through ten thousand rows
-- every request waits.

local ngx = ngx
local exiting = ngx.worker.exiting

local PIECE = 200 -- rows, which take less than a millisecond
-- Seconds between two pieces. With a pause of no time at all nginx goes on here before it looks at its connections.
local PAUSE = 0.002

local _M = {}

--- To be called with the number of each row, from 1 on, by what runs in a timer. A worker that is leaving does not
-- pause.
function _M.step(number)
    if number % PIECE == 0 and not exiting() then
        ngx.sleep(PAUSE)
    end
end

return _M
