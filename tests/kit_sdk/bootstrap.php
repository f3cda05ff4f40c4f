<?php

/**
 * Loads the SDK with the sandbox in the place of Kit's host. None of its files is changed: the text of the one that
 * names the host is replaced while it is read.
 */

namespace Dotenv {
    /** Stands in for vlucas/phpdotenv: the settings are in the environment already. */
    class Dotenv
    {
        public static function createImmutable(string $folder): self
        {
            return new self();
        }

        public function load(): array
        {
            return [];
        }
    }
}

namespace {
    /** Moves the clock instead of waiting; the file's size is the seconds skipped (PHP's own is disabled). */
    function sleep(int $seconds): int
    {
        file_put_contents(getenv('KIT_SDK_CLOCK'), str_repeat('.', $seconds), FILE_APPEND);
        return 0;
    }

    /** The day and time of that clock: the tests make an address of each second (PHP's own is disabled). */
    function date(string $format, ?int $timestamp = null): string
    {
        clearstatcache();
        $now = new DateTime('@' . ($timestamp ?? time() + filesize(getenv('KIT_SDK_CLOCK'))));
        return $now->setTimezone(new DateTimeZone(date_default_timezone_get()))->format($format);
    }

    foreach (['GuzzleHttp', 'Monolog'] as $library) {
        if (stream_resolve_include_path("$library/autoload.php") === false) {
            fwrite(STDERR, "$library is missing; Debian has it as php-guzzlehttp-guzzle or php-monolog\n");
            exit(2);
        }
        require_once "$library/autoload.php";
    }

    $folder = getenv('KIT_SDK_FOLDER');
    $traits = file_get_contents("$folder/src/ConvertKit_API_Traits.php");
    $traits = str_replace("'https://api.kit.com/", "'" . getenv('KIT_SDK_API'), $traits, $count);
    if ($count === 0) {
        fwrite(STDERR, "the SDK names its host in another way than before: nothing would reach the sandbox\n");
        exit(2);
    }
    eval('?>' . $traits);
    require "$folder/src/ConvertKit_API.php";
    require "$folder/tests/ConvertKitAPITest.php";
}
