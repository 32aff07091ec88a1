<?php

declare(strict_types=1);

require __DIR__ . '/votes.php';

votes()->query('SELECT 1');
echo 'ok';
