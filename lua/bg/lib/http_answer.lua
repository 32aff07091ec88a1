-- An HTTP/1.1 answer as it comes in, read by hand: the status line, and a body that is counted, chunked, or ends with
-- the connection. Each byte is looked at once, however small the pieces are: what an app answers must not cost the
-- proxy's requests their worker.

local byte, find, lower, match, sub = string.byte, string.find, string.lower, string.match, string.sub
local huge, max, min = math.huge, math.max, math.min
local concat = table.concat
local setmetatable, tonumber = setmetatable, tonumber

local MOST_HEAD = 65536
local MOST_LINE = 1024 -- bytes of the line before a chunk
local SPACE, TAB = 32, 9

local _M = {}
local Answer = {}
Answer.__index = Answer

--- The value of a field in a head, whose name is written in small letters; the first where there are several.
function _M.field(head, name)
    local _, colon = find(lower(head), "\n" .. name .. ":", 1, true)
    local from = colon and find(head, "[^ \t]", colon + 1)
    local stop = from and find(head, "[\r\n]", from)
    if not stop then
        return nil
    end
    local last = stop - 1
    while last >= from and (byte(head, last) == SPACE or byte(head, last) == TAB) do
        last = last - 1
    end
    return sub(head, from, last)
end

--- An answer of which nothing has come yet: `add` each piece. From then on it has `status` and `head` once that is
-- complete, `size` (bytes of the body so far), `is_whole`, and `is_broken` where it never will be.
function _M.new()
    return setmetatable({ text = "", at = 1, size = 0, parts = {}, is_whole = false, is_broken = false }, Answer)
end

-- What comes up to `last` is of the body.
local function keep(self, last)
    last = min(last, #self.text)
    self.parts[#self.parts + 1] = sub(self.text, self.at, last)
    self.size = self.size + last - self.at + 1
    self.at = last + 1
end

-- Whether the head is complete. `at` is from where on its end is looked for.
local function read_head(self)
    local stop, body_at = match(self.text, "()\r?\n\r?\n()", self.at)
    if not stop then
        self.at = max(1, #self.text - 2)
        self.is_broken = #self.text > MOST_HEAD
        return false
    end
    local status = match(self.text, "^HTTP/1%.[01] (%d%d%d)[ \r\n]")
    if not status then
        self.is_broken = true
        return false
    end
    self.status, self.head, self.at = tonumber(status), sub(self.text, 1, stop), body_at
    local head = lower(self.head)
    self.is_chunked = find(head, "\ntransfer%-encoding:[^\n]*chunked") ~= nil
    self.length = tonumber(match(head, "\ncontent%-length:[ \t]*(%d+)"))
    return true
end

-- The line before a chunk: its size. Whether it has come.
local function read_size(self)
    local stop = find(self.text, "\n", self.at, true)
    if not stop then
        self.is_broken = #self.text - self.at >= MOST_LINE
        return false
    end
    local digits = match(sub(self.text, self.at, min(stop, self.at + MOST_LINE)), "^%x+")
    local size = digits and tonumber(digits, 16)
    self.is_broken, self.is_whole = not size, size == 0
    self.chunk, self.at = size, stop + 1
    return size ~= nil and size > 0
end

-- `chunk` is what is missing of the one at hand, the line end after it comes on top of that.
local function read_chunks(self)
    while self.at <= #self.text do
        if not self.chunk and not read_size(self) then
            return
        end
        local last = self.at + self.chunk - 1
        self.chunk = self.chunk - max(0, min(last, #self.text) - self.at + 1)
        keep(self, last)
        if self.chunk > 0 or #self.text < self.at + 1 then
            return
        end
        self.chunk, self.at = nil, self.at + 2
    end
end

--- The next piece; `is_closed`: the connection has ended with it.
function Answer:add(piece, is_closed)
    if self.is_whole or self.is_broken then
        return
    end
    self.text = self.text .. piece
    if not self.head and not read_head(self) then
        return
    end
    if self.is_chunked then
        read_chunks(self)
    else
        keep(self, self.at + (self.length or huge) - self.size - 1)
        self.is_whole = self.length and self.size >= self.length or not self.length and is_closed or false
    end
    self.text, self.at = sub(self.text, self.at), 1
end

--- The body, as far as it has come.
function Answer:body()
    return concat(self.parts)
end

return _M
